// swift-tools-version:6.0
// A package of its own: SwiftPM resolves every dependency of a manifest, so that swift-protobuf's URL in the root
// manifest would have to be reachable even for those who bring their own codec.
import PackageDescription

let package = Package(
  name: "CausewireSwiftProtobuf",
  platforms: [.macOS(.v12), .iOS(.v15)],
  products: [.library(name: "CausewireSwiftProtobuf", targets: ["CausewireSwiftProtobuf"])],
  dependencies: [
    .package(name: "Causewire", path: "../.."),
    .package(url: "https://github.com/apple/swift-protobuf.git", from: "1.28.0"),
  ],
  targets: [
    .target(
      name: "CausewireSwiftProtobuf",
      dependencies: [
        .product(name: "Causewire", package: "Causewire"),
        .product(name: "SwiftProtobuf", package: "swift-protobuf"),
      ])
  ],
  swiftLanguageModes: [.v6]
)
