// A language model of two lines behind the gRPC service bench.engine.v1: `engine PORT PASSES`. See docs/grpc-engine.md.
use std::{collections::BTreeMap, sync::mpsc::{Receiver, channel}};
use contract::wire::engine::generated::engine_server::{Engine, EngineServer};
use contract::wire::engine::generated::{FromEngine, Ready, ToEngine, Token, to_engine::Kind};
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{Request, Response, Status, Streaming};

struct TwoLines(u32);
type Said = Result<FromEngine, Status>;
#[tonic::async_trait]
impl Engine for TwoLines {
    type ServeStream = UnboundedReceiverStream<Said>;
    async fn serve(&self, words: Request<Streaming<ToEngine>>) -> Result<Response<Self::ServeStream>, Status> {
        let (mut words, passes) = (words.into_inner(), self.0);
        let ((inbox, heard), (say, said)) = (channel(), mpsc::unbounded_channel());
        tokio::spawn(async move { while let Ok(Some(word)) = words.message().await { drop(inbox.send(word)) } });
        std::thread::spawn(move || answer(&heard, &say, passes));
        Ok(Response::new(UnboundedReceiverStream::new(said)))
    }
}

fn answer(heard: &Receiver<ToEngine>, say: &mpsc::UnboundedSender<Said>, passes: u32) -> Option<()> {
    let mut running = BTreeMap::new();
    loop {
        let mut step = FromEngine::default();
        // Waits when idle, else takes what has arrived.
        let wait = |idle| if idle { heard.recv().ok() } else { heard.try_recv().ok() };
        while let Some(word) = wait(running.is_empty() && step == FromEngine::default()) {
            match word.kind? {
                Kind::Open(_) => step.ready = Some(Ready { protocol: 1, engine: "two lines".into(), ..Ready::default() }),
                Kind::Submit(batch) => for asked in batch.requests {
                    let state = asked.prompt.iter().zip(1..).fold(0, |sum, (token, at)| sum + u64::from(*token) * at);
                    running.insert(asked.index, (state, asked.max_new_tokens));
                    step.started.push(asked.index);
                },
                Kind::Cancel(index) => step.cancelled.extend(running.remove(&index).map(|_| index)),
                Kind::Window(_) | Kind::Encode(_) => {}
            }
        }
        say.send(Ok(std::mem::take(&mut step))).ok()?;
        for (&index, (state, left)) in &mut running {
            let next = |value: u64| std::hint::black_box(value.wrapping_mul(6_364_136_223_846_793_005) ^ 99);
            let pass = |_| (0..2000).fold(*state, |value, _| next(value));
            (*state, *left) = ((0..passes).map(pass).last()?, *left - 1);
            step.tokens.push(Token { index, token: (*state % 1000) as u32 });
        }
        running.retain(|index, (_, left)| { if *left == 0 { step.finished.push(*index) }; *left > 0 });
        say.send(Ok(step)).ok()?;
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [port, passes] = &arguments[..] else { return Err("usage: grpc_engine PORT PASSES".into()) };
    let (address, engine) = (format!("127.0.0.1:{port}").parse()?, TwoLines(passes.parse()?));
    Ok(tonic::transport::Server::builder().add_service(EngineServer::new(engine)).serve(address).await?)
}
