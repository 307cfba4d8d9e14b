"""What a solve came to: tables, prices, accuracy, text and files."""
