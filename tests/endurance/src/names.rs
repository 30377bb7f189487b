//! A name server whose answer changes.
use crate::Result;
use causewire_testbed::{dns::answer, script::Dns};
use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
};
use tokio::net::UdpSocket;

/// Its task ends with the program.
#[derive(Debug)]
pub(crate) struct Names {
    pub(crate) address: SocketAddr,
    script: Arc<Mutex<Dns>>,
}

impl Names {
    pub(crate) async fn start(addresses: Vec<Ipv4Addr>) -> Result<Names> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let script = Arc::new(Mutex::new(Dns { addresses: all(addresses), ..Dns::default() }));
        let names = Names { address: socket.local_addr()?, script: script.clone() };
        tokio::spawn(async move {
            let mut packet = [0; 1500];
            while let Ok((length, client)) = socket.recv_from(&mut packet).await {
                let script = script.lock().unwrap_or_else(PoisonError::into_inner).clone();
                if let Some(answer) = packet.get(..length).and_then(|query| answer(query, &script)) {
                    // A client that is gone needs no answer.
                    let _ = socket.send_to(&answer, client).await;
                }
            }
        });
        Ok(names)
    }

    pub(crate) fn set(&self, addresses: Vec<Ipv4Addr>) {
        self.script.lock().unwrap_or_else(PoisonError::into_inner).addresses = all(addresses);
    }
}

fn all(addresses: Vec<Ipv4Addr>) -> Vec<IpAddr> {
    addresses.into_iter().map(IpAddr::from).collect()
}
