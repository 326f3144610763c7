"""Evidence sets: their tables, their manifest, and the counts and sentences made from them."""
