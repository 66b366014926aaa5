"""What `http.py` is made of: questions and answers, what a refusal means, waiting that can be ended."""
