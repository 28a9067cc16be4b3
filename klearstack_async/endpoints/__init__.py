"""The API's endpoints: pure builders of requests, and the groups of methods that send them."""
