//! Benchmarks the matrix kernels on one thread, on every path of this machine, with the matrix
//! shapes of SmolLM2-135M, by batch. `cargo bench -p inference --bench kernels -- bf16/amx` runs
//! some of them.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use inference::kernels::{Isa, SampleProduct};
use inference::weights::WeightFormat;

/// Rows and columns: the widest projection of a layer, and the one with the longest rows.
const SHAPES: [(usize, usize); 2] = [(1536, 576), (576, 1536)];
/// A single decode, a small and a full batch, a chunk of a prompt.
const BATCHES: [usize; 4] = [1, 8, 32, 128];

fn products(criterion: &mut Criterion) {
    for (format, name) in [(WeightFormat::Bf16, "bf16"), (WeightFormat::Int8, "int8")] {
        for isa in Isa::available() {
            let mut group = criterion.benchmark_group(format!("{name}/{}", isa.name()));
            for (rows, columns) in SHAPES {
                for batch in BATCHES {
                    let product = SampleProduct::new(isa, format, rows, columns, batch);
                    let mut product = product.expect("the set is available");
                    group.throughput(Throughput::Bytes(product.weight_bytes() as u64));
                    group.bench_function(format!("{rows}x{columns}/{batch}"), |bencher| {
                        bencher.iter(|| black_box(product.compute()));
                    });
                }
            }
            group.finish();
        }
    }
}

criterion_group!(kernels, products);
criterion_main!(kernels);
