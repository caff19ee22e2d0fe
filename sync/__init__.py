"""Copies of the winery that leave the house: snapshots and history for cloud storage."""
