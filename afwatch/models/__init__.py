"""What tables show, over ids and buffers: columns as data, own filtering and sorting."""
