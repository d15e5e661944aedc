//! Owns: the document of `diagnose`: what machines do, what holds them back, what would tell more,
//! and what is not worth doing.
