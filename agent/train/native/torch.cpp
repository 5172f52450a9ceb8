// What libtorch can do and tch does not wrap: autocast on any device, and optimiser steps over lists of tensors.
//
// Every function catches what libtorch throws and returns it as a message (to be freed with sweep_free), or null. The
// caller's side, with the types again and why each call is sound, is src/native.rs.

#include <cstdlib>
#include <cstring>
#include <exception>
#include <vector>

#include <ATen/autocast_mode.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/_foreach_lerp.h>
#include <ATen/ops/_foreach_mul.h>
#include <ATen/ops/_foreach_norm.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/_fused_sgd.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/stack.h>
#include <torch/headeronly/version.h>

#if TORCH_VERSION_MAJOR != 2 || TORCH_VERSION_MINOR != 13
#error "native/torch.cpp was written for libtorch 2.13; read what changed before you build it with another"
#endif

namespace {

using Tensors = at::Tensor *const *;

template <typename F> char *guarded(F call) {
  try {
    call();
    return nullptr;
  } catch (const c10::Error &error) {
    return strdup(error.what_without_backtrace());
  } catch (const std::exception &error) {
    return strdup(error.what());
  }
}

std::vector<at::Tensor> list(Tensors tensors, size_t count) {
  std::vector<at::Tensor> out;
  out.reserve(count);
  for (size_t i = 0; i < count; i++) out.push_back(*tensors[i]);
  return out;
}

// The gradients that are there.
std::vector<at::Tensor> grads(Tensors parameters, size_t count) {
  std::vector<at::Tensor> out;
  out.reserve(count);
  for (size_t i = 0; i < count; i++)
    if (parameters[i]->grad().defined()) out.push_back(parameters[i]->grad());
  return out;
}

// The fused kernels walk memory, so a gradient must lie as its parameter does. Autograd sees to that; this makes sure.
at::Tensor laid_out_as(const at::Tensor &grad, const at::Tensor &parameter) {
  for (int64_t side = 0; side < parameter.dim(); side++)
    if (parameter.size(side) > 1 && grad.stride(side) != parameter.stride(side))
      return at::empty_like(parameter).copy_(grad);
  return grad;
}

at::DeviceType device(int cuda) { return cuda ? at::kCUDA : at::kCPU; }

} // namespace

extern "C" {

void sweep_free(char *message) { free(message); }

char *sweep_autocast_begin(int cuda, int bf16) {
  return guarded([&] {
    at::autocast::set_autocast_dtype(device(cuda), bf16 ? at::kBFloat16 : at::kHalf);
    at::autocast::set_autocast_enabled(device(cuda), true);
    at::autocast::increment_nesting();
  });
}

char *sweep_autocast_end(int cuda) {
  return guarded([&] {
    at::autocast::set_autocast_enabled(device(cuda), false);
    // The cache holds weights in lower precision; after a step of the optimiser they would be stale.
    if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
  });
}

char *sweep_clear_grads(Tensors parameters, size_t count) {
  return guarded([&] {
    for (size_t i = 0; i < count; i++) parameters[i]->mutable_grad().reset();
  });
}

char *sweep_scale_grads(Tensors parameters, size_t count, double factor) {
  return guarded([&] {
    at::NoGradGuard no_grad;
    auto found = grads(parameters, count);
    if (!found.empty()) at::_foreach_mul_(found, factor);
  });
}

char *sweep_grad_norm(Tensors parameters, size_t count, double *norm) {
  return guarded([&] {
    at::NoGradGuard no_grad;
    auto found = grads(parameters, count);
    *norm = found.empty() ? 0.0 : at::linalg_vector_norm(at::stack(at::_foreach_norm(found, 2))).item<double>();
  });
}

char *sweep_lerp(Tensors to, Tensors from, size_t count, double weight) {
  return guarded([&] {
    at::NoGradGuard no_grad;
    if (count > 0) at::_foreach_lerp_(list(to, count), list(from, count), weight);
  });
}

char *sweep_adamw(Tensors parameters, Tensors means, Tensors squares, Tensors steps, size_t count, double lr,
                  double beta1, double beta2, double weight_decay, double epsilon) {
  return guarded([&] {
    at::NoGradGuard no_grad;
    std::vector<at::Tensor> p, g, m, v, t;
    for (size_t i = 0; i < count; i++) {
      const at::Tensor &grad = parameters[i]->grad();
      if (!grad.defined()) continue;
      p.push_back(*parameters[i]);
      g.push_back(laid_out_as(grad, *parameters[i]));
      m.push_back(*means[i]);
      v.push_back(*squares[i]);
      // As torch.optim does: the kernel wants the number of this step.
      steps[i]->add_(1);
      t.push_back(*steps[i]);
    }
    if (!p.empty())
      at::_fused_adamw_(p, g, m, v, {}, t, lr, beta1, beta2, weight_decay, epsilon, /*amsgrad=*/false,
                        /*maximize=*/false);
  });
}

char *sweep_sgd(Tensors parameters, Tensors momenta, size_t count, double lr, double momentum, double weight_decay,
                int nesterov) {
  return guarded([&] {
    at::NoGradGuard no_grad;
    std::vector<at::Tensor> p, g, m;
    for (size_t i = 0; i < count; i++) {
      const at::Tensor &grad = parameters[i]->grad();
      if (!grad.defined()) continue;
      p.push_back(*parameters[i]);
      g.push_back(laid_out_as(grad, *parameters[i]));
      if (momentum != 0.0) m.push_back(*momenta[i]);
    }
    // From a buffer of zeros the first step is torch's "first step" without dampening.
    if (!p.empty())
      at::_fused_sgd_(p, g, m, weight_decay, momentum, lr, /*dampening=*/0.0, nesterov != 0, /*maximize=*/false,
                      /*is_first_step=*/false);
  });
}

} // extern "C"
