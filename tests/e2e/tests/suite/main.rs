//! The real binary, over real sockets. One program, so that it is linked once; one module a subject.

mod api;
mod app;
mod backup;
mod cheats;
mod checked;
mod commands;
mod deployed;
mod examples;
mod examples_flow;
mod guarded;
mod hostile;
mod isolation;
mod keys;
mod languages;
mod lifecycle;
mod notify;
mod operate;
mod refused;
mod repeated;
mod retention;
mod stopping;
mod support;
mod traces;
mod watching;
mod webhooks;
