"""What `winery check` looks at: each check yields findings, and none changes anything."""
