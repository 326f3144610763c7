"""The controls that a credential report can decide, the frameworks that ask for them, and the policy."""
