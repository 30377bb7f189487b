include!(concat!(env!("OUT_DIR"), "/guide.rs"));
