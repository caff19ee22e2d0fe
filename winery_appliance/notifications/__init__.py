"""Telling people and programs: e-mail, webhooks, the daily summary; who is told what and when."""
