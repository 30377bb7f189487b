include!(concat!(env!("OUT_DIR"), "/quickstart.rs"));
