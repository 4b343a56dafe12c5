"""What every call passes on its way in, and how every answer to what is wrong looks."""
