"""Static web pages about results, which work from the disk without a server or a network."""
