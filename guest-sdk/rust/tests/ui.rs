//! Misuse of the macros is refused at compile time, at the place of the mistake, in words that help.

#[test]
fn misuse_of_the_macros_is_explained() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
