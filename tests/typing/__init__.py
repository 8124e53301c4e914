"""What a type checker must see."""
