"builtin.module"() ({
  "func.func"() <{function_type = (!torch.vtensor<[2,4],f32>) -> (!torch.vtensor<[2,4],f32>, !torch.vtensor<[3,2],f32>), sym_name = "g"}> ({
  ^bb0(%arg0: !torch.vtensor<[2,4],f32>):
    %0 = "torch.operator"() <{name = "onnx.Constant"}> {torch.onnx.value = dense<1> : tensor<1xsi64>} : () -> !torch.vtensor<[1],si64>
    %1 = "torch.operator"() <{name = "onnx.Constant"}> {torch.onnx.value = dense<3> : tensor<si64>} : () -> !torch.vtensor<[],si64>
    %2 = "torch.operator"() <{name = "onnx.Constant"}> {torch.onnx.value = dense<true> : tensor<i1>} : () -> !torch.vtensor<[],i1>
    %3 = "torch.constant.none"() : () -> !torch.none
    %4:2 = "torch.operator"(%1, %2, %arg0) <{name = "onnx.Loop"}> ({
    ^bb0(%arg1: !torch.vtensor<[],si64>, %arg2: !torch.vtensor<[],i1>, %arg3: !torch.vtensor<[2,4],f32>):
      %5 = "torch.constant.none"() : () -> !torch.none
      %6 = "torch.operator"(%arg2) <{name = "onnx.Identity"}> : (!torch.vtensor<[],i1>) -> !torch.vtensor<[],i1>
      %7 = "torch.operator"(%arg3) <{name = "onnx.Tanh"}> : (!torch.vtensor<[2,4],f32>) -> !torch.vtensor<[2,4],f32>
      %8 = "torch.operator"(%7, %0) <{name = "onnx.ReduceSum"}> {torch.onnx.keepdims = 0 : si64} : (!torch.vtensor<[2,4],f32>, !torch.vtensor<[1],si64>) -> !torch.vtensor<[2],f32>
      "torch.operator_terminator"(%6, %7, %8) : (!torch.vtensor<[],i1>, !torch.vtensor<[2,4],f32>, !torch.vtensor<[2],f32>) -> ()
    }) : (!torch.vtensor<[],si64>, !torch.vtensor<[],i1>, !torch.vtensor<[2,4],f32>) -> (!torch.vtensor<[2,4],f32>, !torch.vtensor<[3,2],f32>)
    "func.return"(%4#0, %4#1) : (!torch.vtensor<[2,4],f32>, !torch.vtensor<[3,2],f32>) -> ()
  }) {torch.onnx_meta.ir_version = 10 : si64, torch.onnx_meta.opset_version = 21 : si64, torch.onnx_meta.opset_versions = {com.microsoft = 1 : si64, own = 1 : si64}, torch.onnx_meta.producer_name = "", torch.onnx_meta.producer_version = ""} : () -> ()
}) : () -> ()

