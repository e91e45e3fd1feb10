"""What a person can do, without a screen: shells and screens call the same functions."""
