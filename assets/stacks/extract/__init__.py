"""What is read: days and moments of the node's database, answers of the APIs, and the room's own tables."""
