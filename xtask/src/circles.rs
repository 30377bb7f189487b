//! The files of one folder of core do not import each other in a circle.
//!
//! A name counts for the file that defines it, whatever re-exports lie between. Tests may import what they like.
mod graph;
mod source;

use graph::{circles, nodes_of};
use source::Crate;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

/// By file: the files that it uses, and one name of each.
type Uses = BTreeMap<String, BTreeMap<String, String>>;

/// A line per circle below `src`.
pub(crate) fn check(src: &Path) -> Vec<String> {
    match Crate::read(src) {
        Ok(read) => judge(&read.uses()),
        Err(problem) => vec![problem],
    }
}

fn judge(uses: &Uses) -> Vec<String> {
    circles_of(uses).into_iter().map(|(_, told)| told).collect()
}

/// By folder.
fn circles_of(uses: &Uses) -> Vec<(&str, String)> {
    let files: BTreeSet<&str> = uses.keys().chain(uses.values().flat_map(BTreeMap::keys)).map(String::as_str).collect();
    // The root itself is what the layers are about.
    let folders: BTreeSet<&str> = files.iter().flat_map(|file| above(file)).collect();
    let of = |folder| in_folder(folder, uses).into_iter().map(move |told| (folder, told));
    folders.into_iter().flat_map(of).collect()
}

/// The folders that a file is in.
fn above(file: &str) -> impl Iterator<Item = &str> {
    file.match_indices('/').filter_map(|(end, _)| file.get(..end))
}

fn in_folder(folder: &str, uses: &Uses) -> Vec<String> {
    let nodes = nodes_of(folder, uses);
    let told = |circle: Vec<&str>| {
        let among: Vec<String> = circle
            .iter()
            .flat_map(|from| nodes.get(from).into_iter().flatten().map(move |(to, name)| (from, to, name)))
            .filter(|(_, to, _)| circle.contains(to))
            .map(|(from, to, name)| format!("{from} uses {name} of {to}"))
            .collect();
        format!("{folder}: a circle of imports among {}: {}", circle.join(", "), among.join("; "))
    };
    circles(&nodes).into_iter().map(told).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn problems(files: &[(&str, &str)]) -> Vec<String> {
        let src = tempfile(files);
        let found = Crate::read(&src).map(|read| judge(&read.uses()));
        let problems = found.unwrap_or_else(|problem| vec![problem]);
        fs::remove_dir_all(&src).unwrap();
        problems
    }

    fn tempfile(files: &[(&str, &str)]) -> std::path::PathBuf {
        use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("xtask-circles-{}-{}", std::process::id(), NEXT.fetch_add(1, Relaxed));
        let src = std::env::temp_dir().join(name);
        for (file, text) in files {
            let path = src.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        src
    }

    const LIB: (&str, &str) = ("lib.rs", "mod call;");

    #[test]
    fn a_planted_circle_is_found_through_re_exports() {
        let files = [
            LIB,
            ("call/mod.rs", "mod attempt; mod trace; pub(crate) use attempt::Attempt; pub(crate) use trace::Trace;"),
            ("call/attempt.rs", "use super::Trace; pub(crate) struct Attempt(Trace);"),
            ("call/trace.rs", "pub(crate) struct Trace(Option<Box<crate::call::Attempt>>);"),
        ];
        let expected = "call: a circle of imports among attempt, trace: attempt uses Trace of trace; \
                        trace uses Attempt of attempt";
        assert_eq!(problems(&files), [expected]);
        let [lib, folder, attempt, _] = files;
        assert_eq!(problems(&[lib, folder, attempt, ("call/trace.rs", "pub(crate) struct Trace;")]), [""; 0]);
    }

    #[test]
    fn every_way_to_write_a_path_is_followed() {
        let other = ("call/b.rs", "pub(crate) struct B; pub(crate) fn f() { super::a::g() }");
        for text in [
            "use super::b::B; pub(crate) fn g() {}",
            "use super::b; pub(crate) fn g() { b::f() }",
            "use crate::call::{b::{self, B as Other}}; pub(crate) fn g() {}",
            "pub(crate) fn g() { crate::call::b::f() }",
            "pub(crate) fn g() { println!(\"{}\", crate::call::b::f()) }",
            "pub(crate) fn g() { use super::b::f; f() }",
            "mod inner { pub(super) fn h() { super::super::b::f() } } pub(crate) fn g() {}",
            "pub(crate) fn g() -> super::B { todo!() }",
        ] {
            let folder = ("call/mod.rs", "mod a; mod b; pub(crate) use b::B;");
            assert_eq!(problems(&[LIB, folder, ("call/a.rs", text), other]).len(), 1, "{text}");
        }
    }

    #[test]
    fn a_module_that_only_re_exports_uses_nothing() {
        let child = ("call/a.rs", "use super::Shared; pub(crate) fn a(_: Shared) {}");
        let re_exports = "mod a; pub(crate) use a::a; pub(crate) struct Shared;";
        assert_eq!(problems(&[LIB, ("call/mod.rs", re_exports), child]), [""; 0]);
        let variable = "mod a; pub(crate) use a::a; pub(crate) struct Shared; fn f(a: Shared) -> Shared { a }";
        assert_eq!(problems(&[LIB, ("call/mod.rs", variable), child]), [""; 0]);
        let calls = "mod a; use a::a; pub(crate) struct Shared; fn f() { a(Shared) }";
        assert_eq!(
            problems(&[LIB, ("call/mod.rs", calls), child]),
            ["call: a circle of imports among a, mod: a uses Shared of mod; mod uses a of a"]
        );
    }

    #[test]
    fn tests_and_comments_do_not_count() {
        let files = [
            LIB,
            ("call/mod.rs", "mod a; mod b; #[cfg(test)] mod tests;"),
            (
                "call/a.rs",
                "//! See [`super::b`].\n#[cfg(test)] mod tests { use super::super::b::B; } pub(crate) struct A;",
            ),
            (
                "call/b.rs",
                "use super::a::A; pub(crate) struct B(A); impl B { #[cfg(test)] fn t() { super::tests::t() } }",
            ),
            ("call/tests.rs", "use super::{a, b};"),
        ];
        assert_eq!(problems(&files), [""; 0]);
    }

    #[test]
    fn a_folder_inside_is_one_of_its_folders_parts() {
        let files = [
            LIB,
            ("call/mod.rs", "mod a; mod trace;"),
            ("call/a.rs", "use super::trace::Trace; pub(crate) struct A;"),
            ("call/trace.rs", "mod attempts; pub(crate) struct Trace;"),
            ("call/trace/attempts.rs", "use crate::call::a::A;"),
        ];
        assert_eq!(
            problems(&files),
            ["call: a circle of imports among a, trace: a uses Trace of trace; trace uses A of a"]
        );
    }
}
