/* onednn.h - the same products by oneDNN, where its headers are installed (libdnnl-dev).
 *
 * As somebody who trains would ask for them: W packed beforehand into the form that the
 * library chooses; for weight the operands as they lie. One thread, the caller's. Operands
 * are the library's own and ones, converted beforehand: what is measured is its best.
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef BENCH_ONEDNN_H
#define BENCH_ONEDNN_H

#include <stdbool.h>
#include <stddef.h>

/* left [rows, depth] times right [depth, columns]; a sideways operand lies the other way in
 * memory. */
struct onednn_shape {
    size_t rows, depth, columns;
    bool bf16, add, packed, left_sideways, right_sideways;
};

#if __has_include(<dnnl.h>)
#include <dnnl.h>

struct onednn {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    dnnl_primitive_t primitive;
    dnnl_memory_t left, right, result;
};

void omp_set_num_threads(int count); /* of the library's threads: its header needs -fopenmp */

static dnnl_status_t onednn_describe(dnnl_memory_desc_t *out, size_t rows, size_t columns,
                                     dnnl_data_type_t type, bool sideways)
{
    dnnl_dims_t sizes = {(dnnl_dim_t)rows, (dnnl_dim_t)columns};
    return dnnl_memory_desc_init_by_tag(out, 2, sizes, type, sideways ? dnnl_ba : dnnl_ab);
}

/* The primitive and the form of its right operand; what the library lacks is told by status. */
static dnnl_status_t onednn_make(struct onednn *product, const struct onednn_shape *shape)
{
    dnnl_data_type_t type = shape->bf16 ? dnnl_bf16 : dnnl_f32;
    dnnl_memory_desc_t left, right, result;
    dnnl_matmul_desc_t matmul;
    dnnl_primitive_attr_t attributes = NULL;
    dnnl_post_ops_t sum = NULL;
    dnnl_primitive_desc_t made = NULL;
    dnnl_status_t status = dnnl_engine_create(&product->engine, dnnl_cpu, 0);
#define THEN(call)                                                                                 \
    if (status == dnnl_success) status = (call)
    THEN(dnnl_stream_create(&product->stream, product->engine, dnnl_stream_default_flags));
    THEN(onednn_describe(&left, shape->rows, shape->depth, type, shape->left_sideways));
    THEN(onednn_describe(&right, shape->depth, shape->columns, type, shape->right_sideways));
    THEN(onednn_describe(&result, shape->rows, shape->columns, dnnl_f32, false));
    if (shape->packed)
        THEN(dnnl_memory_desc_init_by_tag(&right, 2, right.dims, type, dnnl_format_tag_any));
    THEN(dnnl_matmul_desc_init(&matmul, &left, &right, NULL, &result));
    THEN(dnnl_primitive_attr_create(&attributes));
    THEN(dnnl_post_ops_create(&sum));
    if (shape->add) THEN(dnnl_post_ops_append_sum(sum, 1));
    THEN(dnnl_primitive_attr_set_post_ops(attributes, sum));
    THEN(dnnl_primitive_desc_create(&made, &matmul, attributes, product->engine, NULL));
    THEN(dnnl_primitive_create(&product->primitive, made));
    if (status == dnnl_success)
        right = *dnnl_primitive_desc_query_md(made, dnnl_query_weights_md, 0);
    THEN(dnnl_memory_create(&product->left, &left, product->engine, DNNL_MEMORY_ALLOCATE));
    THEN(dnnl_memory_create(&product->right, &right, product->engine, DNNL_MEMORY_ALLOCATE));
    THEN(dnnl_memory_create(&product->result, &result, product->engine, DNNL_MEMORY_ALLOCATE));
#undef THEN
    dnnl_primitive_desc_destroy(made);
    dnnl_post_ops_destroy(sum);
    dnnl_primitive_attr_destroy(attributes);
    return status;
}

static void onednn_close(struct onednn *product)
{
    dnnl_memory_destroy(product->left);
    dnnl_memory_destroy(product->right);
    dnnl_memory_destroy(product->result);
    dnnl_primitive_destroy(product->primitive);
    dnnl_stream_destroy(product->stream);
    dnnl_engine_destroy(product->engine);
    *product = (struct onednn){0};
}

static void onednn_fill(dnnl_memory_t memory, bool bf16)
{
    const dnnl_memory_desc_t *form;
    void *data;
    dnnl_memory_get_memory_desc(memory, &form);
    dnnl_memory_get_data_handle(memory, &data);
    size_t bytes = dnnl_memory_desc_get_size(form);
    for (size_t i = 0; bf16 && i < bytes / 2; i++) ((unsigned short *)data)[i] = 0x3f80;
    for (size_t i = 0; !bf16 && i < bytes / 4; i++) ((float *)data)[i] = 1;
}

/* False where the library has no such product for this processor. */
static bool onednn_open(struct onednn *product, const struct onednn_shape *shape)
{
    *product = (struct onednn){0};
    omp_set_num_threads(1);
    if (onednn_make(product, shape) != dnnl_success) {
        onednn_close(product);
        return false;
    }
    onednn_fill(product->left, shape->bf16);
    onednn_fill(product->right, shape->bf16);
    onednn_fill(product->result, false);
    return true;
}

static void onednn_multiply(const struct onednn *product)
{
    const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_SRC, product->left},
                                         {DNNL_ARG_WEIGHTS, product->right},
                                         {DNNL_ARG_DST, product->result}};
    dnnl_primitive_execute(product->primitive, product->stream, 3, arguments);
    dnnl_stream_wait(product->stream);
}

#else

struct onednn {
    int none;
};

static bool onednn_open(struct onednn *product, const struct onednn_shape *shape)
{
    (void)product, (void)shape;
    return false;
}
static void onednn_multiply(const struct onednn *product) { (void)product; }
static void onednn_close(struct onednn *product) { (void)product; }

#endif
#endif
