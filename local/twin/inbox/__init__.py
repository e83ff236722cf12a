"""The inbox: what people would get on their phones, on a page of the twin, with buttons that work."""
