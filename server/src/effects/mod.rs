//! What the VM asks for, done: one file or folder per effect.

pub mod http;
