"""What people do to a wine and write about it: additions, cap work, notes with photos, and work orders."""
