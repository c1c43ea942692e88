"""What is made of rows and answers: pure functions, without a clock."""
