"""The rules of the write model, told as what was given, when and then."""
