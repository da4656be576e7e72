"""New problems between two reclusterings: space -> judge -> group -> pool."""
