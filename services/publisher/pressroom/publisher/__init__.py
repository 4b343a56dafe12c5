"""Everything that leaves: Printify, Shopify."""
