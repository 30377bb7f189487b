//! `causewire-bench-server [WORKERS]`: prints its port and serves; without WORKERS it runs on one thread.
use causewire_bench::{Result, server};
use tokio::{net::TcpListener, runtime};

fn main() -> Result<()> {
    let workers = std::env::args().nth(1).map(|n| n.parse()).transpose()?;
    let mut builder = match workers {
        None => runtime::Builder::new_current_thread(),
        Some(_) => runtime::Builder::new_multi_thread(),
    };
    if let Some(workers) = workers {
        builder.worker_threads(workers);
    }
    builder.enable_io().build()?.block_on(serve())
}

async fn serve() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?.port());
    loop {
        let (socket, _) = listener.accept().await?;
        socket.set_nodelay(true)?;
        tokio::spawn(server::connection(socket));
    }
}
