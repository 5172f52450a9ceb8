//! What libtorch can do and tch does not wrap, by way of `native/torch.cpp`: autocast, and optimiser steps over lists.
//!
//! Every call hands over tensors that are borrowed for its whole length, as many as
//! the count says, and the C++ side lets no exception through.

use std::ffi::{CStr, c_char, c_int};

use tch::{TchError, Tensor};
use torch_sys::C_tensor;

type Tensors = *const *const C_tensor;

unsafe extern "C" {
    fn sweep_free(message: *mut c_char);
    fn sweep_autocast_begin(cuda: c_int, bf16: c_int) -> *mut c_char;
    fn sweep_autocast_end(cuda: c_int) -> *mut c_char;
    fn sweep_clear_grads(parameters: Tensors, count: usize) -> *mut c_char;
    fn sweep_scale_grads(parameters: Tensors, count: usize, factor: f64) -> *mut c_char;
    fn sweep_grad_norm(parameters: Tensors, count: usize, norm: *mut f64) -> *mut c_char;
    fn sweep_lerp(to: Tensors, from: Tensors, count: usize, weight: f64) -> *mut c_char;
    fn sweep_adamw(
        parameters: Tensors,
        means: Tensors,
        squares: Tensors,
        steps: Tensors,
        count: usize,
        lr: f64,
        beta1: f64,
        beta2: f64,
        weight_decay: f64,
        epsilon: f64,
    ) -> *mut c_char;
    fn sweep_sgd(
        parameters: Tensors,
        momenta: Tensors,
        count: usize,
        lr: f64,
        momentum: f64,
        weight_decay: f64,
        nesterov: c_int,
    ) -> *mut c_char;
}

/// libtorch's complaint, if it had one.
fn result(message: *mut c_char) -> Result<(), TchError> {
    if message.is_null() {
        return Ok(());
    }
    // SAFETY: the C++ side returns null or a string of strdup's, which nobody else holds; it is freed once, here.
    let text = unsafe {
        let text = CStr::from_ptr(message).to_string_lossy().into_owned();
        sweep_free(message);
        text
    };
    Err(TchError::Torch(text))
}

fn pointers(tensors: &[Tensor]) -> Vec<*const C_tensor> {
    tensors.iter().map(Tensor::as_ptr).collect()
}

/// Begins to compute in half precision (bf16, or else fp16) where libtorch's autocast deems it precise enough, on this
/// thread.
pub(crate) fn autocast_begin(cuda: bool, bf16: bool) -> Result<(), TchError> {
    // SAFETY: plain numbers.
    result(unsafe { sweep_autocast_begin(c_int::from(cuda), c_int::from(bf16)) })
}

/// Ends what [`autocast_begin`] began.
pub(crate) fn autocast_end(cuda: bool) -> Result<(), TchError> {
    // SAFETY: a plain number.
    result(unsafe { sweep_autocast_end(c_int::from(cuda)) })
}

/// Forgets gradients, memory and all, so that the next backward pass need not add to zeros.
pub(crate) fn clear_grads(parameters: &[Tensor]) -> Result<(), TchError> {
    // SAFETY: see the module.
    result(unsafe { sweep_clear_grads(pointers(parameters).as_ptr(), parameters.len()) })
}

/// Multiplies gradients in place.
pub(crate) fn scale_grads(parameters: &[Tensor], factor: f64) -> Result<(), TchError> {
    // SAFETY: see the module.
    result(unsafe { sweep_scale_grads(pointers(parameters).as_ptr(), parameters.len(), factor) })
}

/// The length of all gradients as one vector; 0 where there are none.
pub(crate) fn grad_norm(parameters: &[Tensor]) -> Result<f64, TchError> {
    let mut norm = 0.0;
    // SAFETY: see the module; `norm` outlives the call.
    result(unsafe { sweep_grad_norm(pointers(parameters).as_ptr(), parameters.len(), &raw mut norm) })?;
    Ok(norm)
}

/// Moves each of `to` by the share `weight` of its way to the same one of `from`.
pub(crate) fn lerp(to: &[Tensor], from: &[Tensor], weight: f64) -> Result<(), TchError> {
    assert_eq!(to.len(), from.len(), "lists of equal length");
    // SAFETY: see the module; the lists are equally long.
    result(unsafe { sweep_lerp(pointers(to).as_ptr(), pointers(from).as_ptr(), to.len(), weight) })
}

/// What AdamW remembers of each parameter, in the parameters' order.
pub(crate) struct AdamState {
    pub(crate) means: Vec<Tensor>,
    pub(crate) squares: Vec<Tensor>,
    /// Steps done, one number for each parameter: those without a gradient sit a step out.
    pub(crate) steps: Vec<Tensor>,
}

/// AdamW's constants of one step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AdamStep {
    pub(crate) lr: f64,
    pub(crate) beta1: f64,
    pub(crate) beta2: f64,
    pub(crate) weight_decay: f64,
    pub(crate) epsilon: f64,
}

/// One step of AdamW for every parameter that has a gradient.
pub(crate) fn adamw(parameters: &[Tensor], state: &AdamState, step: AdamStep) -> Result<(), TchError> {
    let count = parameters.len();
    let lengths = [state.means.len(), state.squares.len(), state.steps.len()];
    assert_eq!(lengths, [count; 3], "lists of equal length");
    let AdamStep { lr, beta1, beta2, weight_decay, epsilon } = step;
    // SAFETY: see the module; the lists are equally long.
    result(unsafe {
        sweep_adamw(
            pointers(parameters).as_ptr(),
            pointers(&state.means).as_ptr(),
            pointers(&state.squares).as_ptr(),
            pointers(&state.steps).as_ptr(),
            count,
            lr,
            beta1,
            beta2,
            weight_decay,
            epsilon,
        )
    })
}

/// SGD's constants of one step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SgdStep {
    pub(crate) lr: f64,
    pub(crate) momentum: f64,
    pub(crate) weight_decay: f64,
    pub(crate) nesterov: bool,
}

/// One step of SGD for every parameter that has a gradient.
pub(crate) fn sgd(parameters: &[Tensor], momenta: &[Tensor], step: SgdStep) -> Result<(), TchError> {
    assert_eq!(parameters.len(), momenta.len(), "lists of equal length");
    let SgdStep { lr, momentum, weight_decay, nesterov } = step;
    // SAFETY: see the module; the lists are equally long.
    result(unsafe {
        sweep_sgd(
            pointers(parameters).as_ptr(),
            pointers(momenta).as_ptr(),
            parameters.len(),
            lr,
            momentum,
            weight_decay,
            c_int::from(nesterov),
        )
    })
}
