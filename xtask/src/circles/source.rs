//! The modules of a crate, and where each name that they use is defined.
use super::Uses;
use proc_macro2::{TokenStream, TokenTree};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};
use syn::{Attribute, Field, ImplItemFn, Item, ItemMod, ItemUse, Macro, PatIdent, UseTree, Visibility, visit::Visit};

/// A path as it is written, or a module by its names from the root.
type Names = Vec<String>;

/// Re-exports of re-exports; a path that is longer than this goes in a circle.
const MAX_STEPS: usize = 32;

#[derive(Default)]
pub(super) struct Crate {
    modules: BTreeMap<Names, Module>,
}

/// One module: a file, or a part of one in braces.
#[derive(Default)]
struct Module {
    file: String,
    children: BTreeSet<String>,
    /// What it defines itself.
    items: BTreeSet<String>,
    /// What it imports, by the name that it has here.
    imports: BTreeMap<String, Names>,
    globs: Vec<Names>,
    /// Paths that its code mentions.
    mentioned: BTreeSet<Names>,
    /// Variables, which may have the name of a function.
    variables: BTreeSet<String>,
}

impl Crate {
    pub(super) fn read(src: &Path) -> Result<Crate, String> {
        let mut read = Crate::default();
        read.file(src, "lib.rs", src.to_owned(), Vec::new())?;
        Ok(read)
    }

    /// What each file uses of others.
    pub(super) fn uses(&self) -> Uses {
        let mut uses = Uses::new();
        for (path, module) in &self.modules {
            for mentioned in module.mentioned.iter().filter(|path| !module.is_variable(path)) {
                let Some(file) = self.definer(path, mentioned, MAX_STEPS).filter(|file| *file != module.file) else {
                    continue;
                };
                let name = mentioned.last().cloned().unwrap_or_default();
                uses.entry(module.file.clone()).or_default().entry(file.to_owned()).or_insert(name);
            }
        }
        uses
    }

    /// `folder`: where the files of its children are.
    fn file(&mut self, src: &Path, file: &str, folder: PathBuf, path: Names) -> Result<(), String> {
        let text = fs::read_to_string(src.join(file)).map_err(|error| format!("{file}: {error}"))?;
        let parsed = syn::parse_file(&text).map_err(|error| format!("{file}: {error}"))?;
        self.module(src, file, &folder, path, parsed.items)
    }

    fn module(&mut self, src: &Path, file: &str, folder: &Path, path: Names, items: Vec<Item>) -> Result<(), String> {
        let mut module = Module { file: file.to_owned(), ..Module::default() };
        for item in items {
            match item {
                Item::Mod(child) if is_test(&child.attrs) => {}
                Item::Mod(child) => {
                    let name = child.ident.to_string();
                    module.children.insert(name.clone());
                    self.child(src, file, &folder.join(&name), [&path[..], &[name]].concat(), child)?;
                }
                Item::Use(import) if is_test(&import.attrs) => {}
                Item::Use(import) => module.import(import),
                item => module.item(&item),
            }
        }
        self.modules.insert(path, module);
        Ok(())
    }

    fn child(&mut self, src: &Path, file: &str, folder: &Path, path: Names, child: ItemMod) -> Result<(), String> {
        if let Some((_, items)) = child.content {
            return self.module(src, file, folder, path, items);
        }
        let beside = folder.with_extension("rs");
        let file = if beside.exists() { beside } else { folder.join("mod.rs") };
        let file = file.strip_prefix(src).unwrap_or(&file).display().to_string();
        self.file(src, &file, folder.to_owned(), path)
    }

    /// The file that defines what `path` means in the module `at`; none, if it comes from elsewhere.
    fn definer(&self, at: &[String], path: &[String], steps: usize) -> Option<&str> {
        let steps = steps.checked_sub(1)?;
        let (first, rest) = path.split_first()?;
        match first.as_str() {
            "crate" => self.inside(&[], rest, steps),
            "self" => self.inside(at, rest, steps),
            "super" => self.inside(at.split_last()?.1, rest, steps),
            _ if self.modules.get(at)?.has(first, rest) => self.inside(at, path, steps),
            _ => None,
        }
    }

    /// The same for a path that begins in the module `at`.
    fn inside(&self, at: &[String], path: &[String], steps: usize) -> Option<&str> {
        let module = self.modules.get(at)?;
        let Some((first, rest)) = path.split_first() else { return Some(&module.file) };
        if first == "super" {
            return self.inside(at.split_last()?.1, rest, steps);
        }
        let child = module.children.contains(first).then(|| [at, std::slice::from_ref(first)].concat());
        // A module and a function may share a name: what goes on behind it means the module.
        if let Some(child) = child.as_ref().filter(|_| !rest.is_empty()) {
            return self.inside(child, rest, steps);
        }
        if module.items.contains(first) {
            return Some(&module.file);
        }
        if let Some(import) = module.imports.get(first) {
            return self.definer(at, &[import, rest].concat(), steps);
        }
        if let Some(child) = child {
            return self.inside(&child, rest, steps);
        }
        let glob = module.globs.iter().find_map(|glob| self.definer(at, &[glob, path].concat(), steps));
        // What is left was made by a macro.
        glob.or(Some(&module.file))
    }
}

impl Module {
    /// A module alone is no value: what has its name is a variable.
    fn has(&self, name: &str, behind: &[String]) -> bool {
        let child = !behind.is_empty() && self.children.contains(name);
        child || self.items.contains(name) || self.imports.contains_key(name)
    }

    fn is_variable(&self, path: &[String]) -> bool {
        matches!(path, [name] if self.variables.contains(name))
    }

    fn import(&mut self, import: ItemUse) {
        // A re-export is not used here, unless the code says so.
        let private = matches!(import.vis, Visibility::Inherited);
        let mut found = Vec::new();
        flatten(&import.tree, Vec::new(), &mut found);
        for (name, path) in found {
            if private {
                self.mentioned.insert(path.clone());
            }
            match name {
                Some(name) => drop(self.imports.insert(name, path)),
                None => self.globs.push(path),
            }
        }
    }

    fn item(&mut self, item: &Item) {
        let (attributes, name) = match item {
            Item::Const(it) => (&it.attrs, Some(&it.ident)),
            Item::Enum(it) => (&it.attrs, Some(&it.ident)),
            Item::Fn(it) => (&it.attrs, Some(&it.sig.ident)),
            Item::Macro(it) => (&it.attrs, it.ident.as_ref()),
            Item::Static(it) => (&it.attrs, Some(&it.ident)),
            Item::Struct(it) => (&it.attrs, Some(&it.ident)),
            Item::Trait(it) => (&it.attrs, Some(&it.ident)),
            Item::Type(it) => (&it.attrs, Some(&it.ident)),
            Item::Union(it) => (&it.attrs, Some(&it.ident)),
            Item::Impl(it) => (&it.attrs, None),
            _ => return,
        };
        if !is_test(attributes) {
            self.items.extend(name.map(ToString::to_string));
            self.visit_item(item);
        }
    }
}

impl<'ast> Visit<'ast> for Module {
    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.mentioned.insert(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        syn::visit::visit_path(self, path);
    }

    fn visit_pat_ident(&mut self, it: &'ast PatIdent) {
        let name = it.ident.to_string();
        // One in capitals is a constant that is compared with.
        if name.starts_with(|letter: char| letter.is_lowercase()) {
            self.variables.insert(name);
        }
        syn::visit::visit_pat_ident(self, it);
    }

    fn visit_macro(&mut self, it: &'ast Macro) {
        syn::visit::visit_macro(self, it);
        tokens(it.tokens.clone(), &mut self.mentioned);
    }

    /// Inside a function.
    fn visit_item_use(&mut self, import: &'ast ItemUse) {
        let mut found = Vec::new();
        flatten(&import.tree, Vec::new(), &mut found);
        self.mentioned.extend(found.into_iter().map(|(_, path)| path));
    }

    fn visit_impl_item_fn(&mut self, it: &'ast ImplItemFn) {
        if !is_test(&it.attrs) {
            syn::visit::visit_impl_item_fn(self, it);
        }
    }

    fn visit_field(&mut self, it: &'ast Field) {
        if !is_test(&it.attrs) {
            syn::visit::visit_field(self, it);
        }
    }

    fn visit_visibility(&mut self, _: &'ast Visibility) {}

    fn visit_attribute(&mut self, _: &'ast Attribute) {}
}

/// `cfg(test)`, alone or with more that has to hold.
fn is_test(attributes: &[Attribute]) -> bool {
    let condition = |it: &Attribute| it.meta.require_list().map(|list| list.tokens.to_string()).unwrap_or_default();
    let tests = |it: &Attribute| {
        it.path().is_ident("cfg") && (condition(it) == "test" || condition(it).starts_with("all (test"))
    };
    attributes.iter().any(tests)
}

/// The paths of a tree, each by the name that it gets; a glob gets none.
fn flatten(tree: &UseTree, above: Names, found: &mut Vec<(Option<String>, Names)>) {
    let with = |name: &syn::Ident| [&above[..], &[name.to_string()]].concat();
    match tree {
        UseTree::Path(it) => flatten(&it.tree, with(&it.ident), found),
        UseTree::Group(it) => it.items.iter().for_each(|tree| flatten(tree, above.clone(), found)),
        UseTree::Name(it) if it.ident == "self" => found.push((above.last().cloned(), above)),
        UseTree::Name(it) => found.push((Some(it.ident.to_string()), with(&it.ident))),
        UseTree::Rename(it) => found.push((Some(it.rename.to_string()), with(&it.ident))),
        UseTree::Glob(_) => found.push((None, above)),
    }
}

/// The paths in what a macro is given, of which nobody knows what it becomes.
fn tokens(stream: TokenStream, found: &mut BTreeSet<Names>) {
    let mut path = Names::new();
    let mut colons = 0;
    for token in stream {
        match token {
            TokenTree::Ident(ident) => {
                if colons != 2 {
                    found.insert(std::mem::take(&mut path));
                }
                path.push(ident.to_string());
                colons = 0;
            }
            TokenTree::Punct(mark) if mark.as_char() == ':' => colons += 1,
            TokenTree::Group(group) => {
                found.insert(std::mem::take(&mut path));
                colons = 0;
                tokens(group.stream(), found);
            }
            TokenTree::Punct(_) | TokenTree::Literal(_) => {
                found.insert(std::mem::take(&mut path));
                colons = 0;
            }
        }
    }
    found.insert(path);
}
