// swift-tools-version:6.0
// At the repository's root because SwiftPM looks for it there in a dependency by URL; everything it builds is in
// bindings-swift. The Rust library is found through pkg-config (`causewire`, written by bindings-swift/build.sh lib).
import PackageDescription

let package = Package(
  name: "Causewire",
  platforms: [.macOS(.v12), .iOS(.v15)],
  products: [.library(name: "Causewire", targets: ["Causewire"])],
  targets: [
    .systemLibrary(name: "CausewireCoreFFI", path: "bindings-swift/Sources/CausewireCoreFFI", pkgConfig: "causewire"),
    .target(
      name: "CausewireCore",
      dependencies: ["CausewireCoreFFI"],
      path: "bindings-swift/Sources/CausewireCore",
      linkerSettings: [
        .linkedFramework("Security", .when(platforms: [.macOS, .iOS])),
        .linkedFramework("CoreFoundation", .when(platforms: [.macOS, .iOS])),
      ]),
    .target(
      name: "Causewire",
      dependencies: ["CausewireCore", "CausewireCoreFFI"],
      path: "bindings-swift/Sources/Causewire"),
    .executableTarget(
      name: "causewire-driver",
      dependencies: ["Causewire"],
      path: "tests/drivers/swift/Sources"),
    .executableTarget(
      name: "causewire-interop",
      dependencies: ["Causewire"],
      path: "tests/interop/swift/Sources"),
    .executableTarget(
      name: "causewire-quickstart",
      dependencies: ["Causewire"],
      path: "bindings-swift/Quickstart"),
    .executableTarget(
      name: "causewire-bench-swift",
      dependencies: ["Causewire"],
      path: "tests/bench/swift"),
    .testTarget(
      name: "CausewireTests",
      dependencies: ["Causewire"],
      path: "bindings-swift/Tests/CausewireTests"),
  ],
  swiftLanguageModes: [.v6]
)
