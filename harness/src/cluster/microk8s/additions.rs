//! Where what is added to a machine is written down, before it is there.

use std::sync::Arc;

use super::{added::Added, error::MicroK8sError};

/// Takes down what is added to one machine.
pub trait Additions: Send {
    /// Something that is about to be on the machine, or is: what was named last is taken away first. Named again, it
    /// comes last.
    fn add(&mut self, one: Added) -> Result<(), MicroK8sError>;
}

impl Additions for Vec<Added> {
    fn add(&mut self, one: Added) -> Result<(), MicroK8sError> {
        self.retain(|known| *known != one);
        self.push(one);
        Ok(())
    }
}

/// Hears of everything that is added to the machines of a cluster, and may write it where it outlives this program.
pub trait Notes: Send + Sync {
    /// Like [`Additions::add`], on the machine of that name. An error ends the step before anything is done.
    fn note(&self, machine: &str, one: &Added) -> Result<(), String>;
}

/// The list of a machine, with somebody who hears of it.
pub(super) struct Noted<'a> {
    pub(super) list: &'a mut Vec<Added>,
    pub(super) notes: Option<&'a Arc<dyn Notes>>,
    pub(super) machine: &'a str,
}

impl Additions for Noted<'_> {
    fn add(&mut self, one: Added) -> Result<(), MicroK8sError> {
        if let Some(notes) = self.notes {
            let failed = |reason| MicroK8sError::NotNoted { machine: self.machine.to_owned(), reason };
            notes.note(self.machine, &one).map_err(failed)?;
        }
        self.list.add(one)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::{Additions as _, Noted, Notes};
    use crate::cluster::microk8s::Added;

    #[derive(Default)]
    struct Book(Mutex<Vec<String>>);

    impl Notes for Book {
        fn note(&self, machine: &str, one: &Added) -> Result<(), String> {
            if *one == Added::Addon("full".to_owned()) {
                return Err("no space left".to_owned());
            }
            self.0.lock().expect("not poisoned").push(format!("{machine}: {one}"));
            Ok(())
        }
    }

    #[test]
    fn what_is_named_again_comes_last() {
        let (book, mut list) = (Arc::new(Book::default()), Vec::new());
        let to_book: Arc<dyn Notes> = book.clone();
        let mut noted = Noted { list: &mut list, notes: Some(&to_book), machine: "rhel" };
        let [snap, base] = ["microk8s", "core20"].map(|name| Added::Snap(name.to_owned()));
        for one in [&snap, &base, &snap] {
            noted.add(one.clone()).expect("noted");
        }
        let error = noted.add(Added::Addon("full".to_owned())).expect_err("not noted");
        assert!(error.to_string().contains("no space left"), "{error}");
        assert_eq!(list, [base, snap]);
        assert_eq!(
            *book.0.lock().expect("not poisoned"),
            ["rhel: snap microk8s", "rhel: snap core20", "rhel: snap microk8s"]
        );
    }
}
