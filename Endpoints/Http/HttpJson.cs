using System.Text.Json;
using System.Text.Json.Serialization;

namespace AiChat.Endpoints.Http;

/// <summary>The JSON types that all rooms share. Use <see cref="Wire"/>, which is strict.</summary>
[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata)]
[JsonSerializable(typeof(ProblemBody))]
[JsonSerializable(typeof(Dictionary<string, JsonElement>))]
[JsonSerializable(typeof(System.Text.Json.Nodes.JsonObject))]
[JsonSerializable(typeof(bool?))]
[JsonSerializable(typeof(decimal?))]
[JsonSerializable(typeof(int?))]
internal sealed partial class HttpJson : JsonSerializerContext
{
    /// <summary>The context with the options of <see cref="JsonDefaults"/>.</summary>
    public static HttpJson Wire { get; } = new(JsonDefaults.Create());
}
