"""What mmcd needs of other packages, and the check that it is there."""
