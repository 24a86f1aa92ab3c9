namespace AiChat.Endpoints.Http;

/// <summary>Ends the reading of a request's body. The request is answered with the problem that it holds.</summary>
internal sealed class BodyRefusedException(Problem problem) : Exception(problem.Detail)
{
    public Problem Problem => problem;
}
