"""Who may sign in and what they may do: users, sessions, access tokens, throttled failures."""
