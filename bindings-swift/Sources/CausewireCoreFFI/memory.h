#pragma once
#include <stdint.h>

// Frees a message that crossed by reference; see bindings-swift/src/memory.rs.
void causewire_swift_free(uint8_t *_Nonnull pointer, uintptr_t length, uintptr_t capacity);
