using System.Text.Json.Serialization;
using AiChat.Endpoints.Http;

namespace AiChat.Endpoints.Calls;

/// <summary>The types of this room that cross the wire. Use <see cref="Wire"/>, which is strict.</summary>
[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata)]
[JsonSerializable(typeof(IReadOnlyList<SearchResult>))]
internal sealed partial class CallsJson : JsonSerializerContext
{
    /// <summary>The context with the options of <see cref="JsonDefaults"/>.</summary>
    public static CallsJson Wire { get; } = new(JsonDefaults.Create());
}
