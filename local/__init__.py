"""The whole chat on one machine: its parts, an embedded Redis and an embedded model among them."""
