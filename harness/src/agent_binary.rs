//! The `lab-agent` program itself, which travels with the harness into pods and machines.

/// `lab-agent`: one static ELF file that needs nothing on the machine that it runs on.
pub static LAB_AGENT: &[u8] = include_bytes!(env!("LAB_AGENT_FILE"));

#[cfg(test)]
mod tests {
    use super::LAB_AGENT;

    /// Program header types of the ELF specification.
    const PT_INTERP: usize = 3;
    const SIZE_LIMIT: usize = 4 << 20;

    fn number(at: usize, length: usize) -> usize {
        LAB_AGENT[at..at + length].iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte))
    }

    #[test]
    fn it_is_an_executable_of_64_bits() {
        assert_eq!(LAB_AGENT[..6], *b"\x7fELF\x02\x01");
        let (executable, position_independent) = (2, 3);
        assert!([executable, position_independent].contains(&number(0x10, 2)));
    }

    #[test]
    fn it_needs_no_loader() {
        let (table, size, count) = (number(0x20, 8), number(0x36, 2), number(0x38, 2));
        assert!(count > 0);
        let kinds: Vec<_> = (0..count).map(|entry| number(table + entry * size, 4)).collect();
        assert!(!kinds.contains(&PT_INTERP), "dynamically linked: {kinds:?}");
    }

    #[test]
    fn it_is_small() {
        assert!(LAB_AGENT.len() < SIZE_LIMIT, "{} bytes", LAB_AGENT.len());
    }
}
