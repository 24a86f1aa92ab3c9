using System.Text.Json.Serialization;
using AiChat.Endpoints.Catalog;
using AiChat.Endpoints.Http;

namespace AiChat.Endpoints.NodePlatform;

/// <summary>The types of this room that cross the wire. Use <see cref="Wire"/>, which is strict.</summary>
[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata)]
[JsonSerializable(typeof(ConnectionsRequest))]
[JsonSerializable(typeof(SettingsRequest))]
[JsonSerializable(typeof(UsersRequest))]
[JsonSerializable(typeof(GuestsRequest))]
[JsonSerializable(typeof(ChatsRequest))]
[JsonSerializable(typeof(UsageRequest))]
[JsonSerializable(typeof(MissingRequest))]
[JsonSerializable(typeof(TracesRequest))]
[JsonSerializable(typeof(OutcomesResponse))]
[JsonSerializable(typeof(System.Text.Json.Nodes.JsonNode))]
internal sealed partial class NodePlatformJson : JsonSerializerContext
{
    /// <summary>The context with the options of <see cref="JsonDefaults"/>.</summary>
    public static NodePlatformJson Wire { get; } = new(JsonDefaults.Create(new OptionalConverter<CapabilityLayer?>()));
}
