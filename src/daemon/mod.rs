//! What stays and waits: servers. The only place with asynchronous code; each server is one thread.

pub mod cache_server;
