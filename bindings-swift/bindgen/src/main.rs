//! `causewire-swift-bindgen --swift-sources --headers LIBRARY OUT`

fn main() {
    uniffi::uniffi_bindgen_swift();
}
