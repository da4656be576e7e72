"""Explanations that are asked for, and decisions made again, from what stands in Kafka."""
