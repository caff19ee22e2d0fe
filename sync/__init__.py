"""Copies of the winery that leave the house: the log, copies and history, pushed to object storage over any line."""
