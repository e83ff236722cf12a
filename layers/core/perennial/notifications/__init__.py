"""What people are told, and how each channel shows it. Pure: values in, values out."""
