"""Files: atomic writes, images, checkpoints read safely."""
