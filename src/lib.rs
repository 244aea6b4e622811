//! Ringcard shows the agent who is calling before they say hello.
//!
//! It is one small program in a branch office. Read `flow` and you know what it does:
//!
//! ```text
//!                      Hipcall's webhook                        Hipcall's Insight Card API
//!                             |                                            ^
//!   a call came in         webhook --> flow::answer --> store::outbox --> flow::deliver --> hipcall
//!                                           |           (on disk)      a card goes out
//!                                     store::replica
//!                                           ^ publish
//!   the copy is renewed     source --> flow::sync --> store::load
//!                             ^
//!                     the office's CRM or ERP
//! ```
//!
//! 1. **A call came in.** The webhook answers 200 whatever happens, and hands the event over. The customer's
//!    number is looked up in the replica, the card is rendered and put into the outbox.
//! 2. **A card goes out.** Each card is sent until Hipcall takes it, it comes too late to matter, or only a
//!    person can help. The first try does not wait for the disk.
//! 3. **The copy is renewed.** Each source is read on its schedule into a new generation beside the one that
//!    serves, which is replaced at one instant.
//!
//! `domain` knows what a number, a contact, money and a card are, and touches nothing. The four instruments
//! (`webhook`, `source`, `store`, `hipcall`) touch the world and do not know each other. `flow` plays them.
//! `daemon` builds and runs it all, and alone starts tasks. docs/architecture.md has the invariants.

pub mod cli;
pub mod daemon;
pub mod demo;

pub mod flow;

pub mod hipcall;
pub mod source;
pub mod store;
pub mod webhook;

pub mod config;
pub mod domain;
pub mod status;
pub mod system;
pub mod tasks;
